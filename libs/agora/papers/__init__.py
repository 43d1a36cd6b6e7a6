"""What people read about the events, made from the code: the AsyncAPI document, the choreography, the canvases."""
