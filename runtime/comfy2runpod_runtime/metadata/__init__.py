"""What files tell beside what is shown and heard: left out, or kept in another format."""
