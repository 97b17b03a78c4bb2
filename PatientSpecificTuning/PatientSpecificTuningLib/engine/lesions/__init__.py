"""From a head and stored features to lesions, their change and their uncertainty."""
