"""The commands of `gan-restore`, one module each: its options, and what it prints."""
