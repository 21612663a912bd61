from django.test import TestCase

from .models import Book
from .tasks import count_letters


class ShelfTests(TestCase):
    def test_the_page_shows_the_books(self):
        self.assertContains(self.client.get("/"), "Middlemarch")

    def test_a_book_is_added(self):
        book = {"title": "Kindred", "author": "Octavia E. Butler"}
        answer = self.client.post("/api/books", book, content_type="application/json")
        self.assertEqual(answer.status_code, 201)
        self.assertEqual(Book.objects.last().title, "Kindred")

    def test_a_book_without_an_author_is_refused(self):
        answer = self.client.post("/api/books", {"title": "Kindred"}, content_type="application/json")
        self.assertEqual(answer.status_code, 400)

    def test_letters_are_counted(self):
        before = count_letters()["letters"]
        Book.objects.create(title="Three Lives", author="Gertrude Stein")
        self.assertEqual(count_letters()["letters"] - before, len("ThreeLives"))
