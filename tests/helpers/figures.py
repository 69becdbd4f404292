"""What a figure shows."""

from matplotlib.text import Text


def texts(figure):
    return {t.get_text() for t in figure.findobj(Text) if t.get_visible()}


def drawn_axes(figure):
    return [ax for ax in figure.axes if ax.get_visible()]
