"""The questions that the demo asks about each kind of page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the name of the document's fact that answers it."""

    text: str
    fact: str


BY_KIND: dict[str, tuple[Question, ...]] = {
    "invoice": (
        Question("What is the total amount due?", "total"),
        Question("When is the payment due?", "due_date"),
        Question("What is the invoice number?", "invoice_number"),
    ),
    "letter": (
        Question("How much is the new monthly rent?", "rent"),
        Question("How much is the deposit?", "deposit"),
        Question("When will the surveyor visit the flat?", "visit_date"),
        Question("When does the new agreement start?", "start_date"),
    ),
    "report": (
        Question("What was the service availability in percent?", "availability"),
        Question("How many incidents did the team handle?", "incidents"),
        Question("How much was the operating cost of the quarter?", "cost"),
        Question("How much is the budget for the next year?", "budget"),
        Question("When is the external audit scheduled?", "audit_date"),
    ),
}
