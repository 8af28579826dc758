"""The flow that this project replaces, as good as such a flow can be."""
