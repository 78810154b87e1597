"""What is judged: objectives and alerts, and the pages that follow from them."""
