"""Transcripts and everything derived from them: speakers, names, conversations, captions, receipts."""
