"""The HTTP service: answers in the form of OpenAI's API, feedback, documents, traffic of others, and its pages.

server        listens, and refuses to do so without a key where others reach it
application   routes, errors and the door put together
door          what a request passes before any route: host, key, rate, size
serving       the work, in threads, beside which the loop stays free
wire          what is read from requests and written into replies
routes        one file per area
"""
