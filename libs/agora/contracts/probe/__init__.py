"""Writes records of one version, reads them as another, in both directions, and says what is refused or changed."""
