"""What production is asked, compared with what it was trained on."""
