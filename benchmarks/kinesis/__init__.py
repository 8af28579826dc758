"""From a put to the reader: polling against enhanced fan-out."""
