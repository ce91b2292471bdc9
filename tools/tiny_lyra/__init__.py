"""The miniature of Lyra, from nothing: rooms, a teacher that learns from them, a student of that teacher."""
