"""What happens to images: operators, masks, tasks, and the checks at the entries."""
