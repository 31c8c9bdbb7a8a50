"""What can be stepped: state in, state out."""
