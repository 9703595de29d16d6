"""A rectangle of an image's pixels."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """Pixels of an image: first column and row, and how many."""

    column: int
    row: int
    columns: int
    rows: int

    def is_all_of(self, shape: tuple[int, int]) -> bool:
        """Tell whether nothing of an image is left out."""
        return (self.column, self.row, self.rows, self.columns) == (0, 0, *shape)

    def within(self, other: "Window") -> "Window":
        """Return the same pixels, whose numbers count from the corner of another window, of all."""
        return Window(
            other.column + self.column, other.row + self.row, self.columns, self.rows
        )  # fmt: skip

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of an array."""
        return (
            slice(self.row, self.row + self.rows), slice(self.column, self.column + self.columns)
        )  # fmt: skip
