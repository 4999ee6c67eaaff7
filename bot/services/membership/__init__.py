"""Whether somebody is in the required channels: asked, remembered, renewed and known in advance."""
