"""Laws of points: targets, the noising process, channels, and the divergences between them."""
