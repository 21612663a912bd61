from django.db import migrations

BOOKS = [
    ("Middlemarch", "George Eliot"),
    ("The Master and Margarita", "Mikhail Bulgakov"),
    ("Things Fall Apart", "Chinua Achebe"),
]


def add_books(apps, schema_editor):
    book = apps.get_model("shelf", "Book")
    for title, author in BOOKS:
        book.objects.create(title=title, author=author)


class Migration(migrations.Migration):
    dependencies = [("shelf", "0001_initial")]
    operations = [migrations.RunPython(add_books, migrations.RunPython.noop)]
