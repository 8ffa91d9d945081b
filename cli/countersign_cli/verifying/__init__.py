"""Why a captured request was refused: the project's own signing code decides, and is asked again past each obstacle."""
