"""The miniature of Lyra, from nothing: rooms, tokenizer, depth network, video model, scenes of that teacher, student."""
