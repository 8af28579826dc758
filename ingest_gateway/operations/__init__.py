"""What operators see: metrics, the backlog, the document of their page."""
