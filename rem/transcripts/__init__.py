"""Transcripts and what is made of them: speakers, captions, conversations, names, receipts. Pure."""
