"""What runs behind the due list, on schedules and on the stream: one job in each file."""
