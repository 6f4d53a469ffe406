"""When an answer that was given before is given again: to a question of the same sense over the same passages. Pure.

Nothing is kept for it: the log has the questions, the answers and what they rest on. An answer is found there by a key,
so that what changes the answer changes the key, and there is nothing to invalidate, to erase or to bound.
"""
