"""Sample events: what each function is called with, signed with throwaway keys."""
