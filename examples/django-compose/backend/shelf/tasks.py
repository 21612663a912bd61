import socket

from celery import shared_task
from django.db import connection

from .models import Book
from .motto import MOTTO


@shared_task
def count_letters():
    """How many letters the titles have; and which worker counted, in which database."""
    titles = list(Book.objects.values_list("title", flat=True))
    return {
        "books": len(titles),
        "letters": sum(character.isalpha() for title in titles for character in title),
        "motto": MOTTO,
        "worker": socket.gethostname(),
        "database": connection.settings_dict["NAME"],
    }
