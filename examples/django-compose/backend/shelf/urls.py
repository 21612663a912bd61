from django.urls import path

from . import views

urlpatterns = [
    path("", views.index),
    path("healthz", views.health),
    path("api/about", views.about),
    path("api/books", views.books),
    path("api/counts", views.start_count),
    path("api/counts/<str:task>", views.read_count),
]
