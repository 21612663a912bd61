import json
import socket

from celery.result import AsyncResult
from django.conf import settings
from django.db import connection
from django.http import JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from .models import Book
from .motto import MOTTO
from .tasks import count_letters


@require_GET
def index(request):
    context = {"books": Book.objects.all(), "motto": MOTTO, "vite": settings.VITE_ORIGIN}
    return render(request, "shelf/index.html", context)


@require_GET
def health(request):
    Book.objects.exists()
    return JsonResponse({"ok": True})


@require_GET
def about(request):
    """Which code answers, from where, with which database and key."""
    return JsonResponse(
        {
            "motto": MOTTO,
            "host": socket.gethostname(),
            "database": connection.settings_dict["NAME"],
            "key": f"…{settings.CATALOGUE_API_KEY[-4:]}",
        }
    )


@require_http_methods(["GET", "POST"])
def books(request):
    if request.method == "GET":
        return JsonResponse({"books": [book.as_json() for book in Book.objects.all()]})
    try:
        sent = json.loads(request.body)
        title, author = sent["title"], sent["author"]
    except (ValueError, KeyError, TypeError):
        return JsonResponse({"error": "A book is JSON with a title and an author."}, status=400)
    return JsonResponse(Book.objects.create(title=title, author=author).as_json(), status=201)


@require_POST
def start_count(request):
    return JsonResponse({"task": count_letters.delay().id}, status=202)


@require_GET
def read_count(request, task):
    result = AsyncResult(task)
    return JsonResponse({"state": result.state, "result": result.result if result.successful() else None})
