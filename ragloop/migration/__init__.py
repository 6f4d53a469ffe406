"""What may leave RAG, and what comes back: topics of the log, what answers cost, and the lane of each topic.

logged.py    the log of a window by columns
topics/      questions that are alike: found, named, edited by people, described by figures
costs/       what answers, training and storage cost; forecast and break-even
advice.py    whether RAG, fine-tuning, both or neither suits, and what would change that
routes/      which lane answers a topic, and when it moves
"""
