"""Lines of hexadecimal fields, `-` for null."""
import sys

def field(text):
    return None if text == '-' else bytes.fromhex(text.replace('.', ''))

def shown(value):
    return '-' if value is None else '.' + bytes(value).hex()

def read_lines():
    return [tuple(field(text) for text in line.split()) for line in sys.stdin if line.strip()]

def write_line(topic, key, value, header):
    sys.stdout.write(' '.join([topic, shown(key), shown(value), shown(header)]) + '\n')
