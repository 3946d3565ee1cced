"""The human side of live calls: the shell of the floor. It rings agents by SIP, joins the audio, and keeps what must
outlive the process in the store.
"""
