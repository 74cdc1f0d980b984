"""The quality and cost of own pixels: the provider's scene with the photo's own subject, at the photo's full size."""
