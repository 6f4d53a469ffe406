"""Erasure: documents, questions and all that rests on them are removed, and a certificate says how to check that.

    asked.py        what is to be erased
    words.py        runs of words as hashes, and the names of documents
    traces.py       all by which what is erased can be known again, as hashes
    finding.py      the store is asked for these, and for what rests on them
    removing/       how each kind of thing is removed, by its entry in the catalogue
    certificate.py  the record of an erasure, signed when it is done
    searching.py    the search of every file for traces
    erasing.py      the order of it all: plan, suppress, remove, back up again, search, sign

Nothing that is kept of an erasure holds a text: a record has hashes only.
"""
