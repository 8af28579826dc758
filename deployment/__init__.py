"""What is packaged for production: the job as one jar, and a Python that travels in it."""
