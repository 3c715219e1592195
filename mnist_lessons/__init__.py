"""What the chapters of *MNIST Lessons* import."""
