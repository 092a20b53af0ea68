"""Citations in the responses of an OpenAI-compatible server: an ASGI layer in front of its application.

A chat request, or one of the Responses API, with `cf_documents` and `cf_cite` gets an answer whose sentences have been
checked. Nothing here knows how the server decodes, and every other request passes as it came.
"""
