"""Webhooks: what happens on the hotline, told to a CRM or whatever else listens. Signed as Standard Webhooks are
(https://www.standardwebhooks.com), kept until they have arrived, and only to hosts that the operator has named.
"""
