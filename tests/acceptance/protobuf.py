"""Bytes of protobuf messages and of snappy blocks, also of broken ones, which no library writes."""
import struct


def varint(n):
    out = b""
    while n >= 128:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def zigzag(n):
    return n << 1 if n >= 0 else (-n << 1) - 1


def number(field, n):
    return varint(field << 3) + varint(n)


def double(field, x):
    return varint(field << 3 | 1) + struct.pack("<d", x)


def message(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def snappy(data):
    """A block that packs nothing: literals of up to 64 KiB."""
    out = [varint(len(data))]
    for at in range(0, len(data), 1 << 16):
        part = data[at:at + (1 << 16)]
        out += [b"\xf4", struct.pack("<H", len(part) - 1), part]
    return b"".join(out)


def snappy_of_zeros(length):
    """A block that unpacks to `length` zeros, a multiple of 64, from a twentieth of it."""
    return varint(length) + b"\xf0\x3f" + bytes(64) + b"\xfe\x40\x00" * (length // 64 - 1)


def series(labels, samples):
    """A TimeSeries of remote write 1.0: labels as pairs, in this order; samples (value, ms)."""
    content = b"".join(message(1, message(1, name.encode()) + message(2, value.encode()))
                       for name, value in labels)
    content += b"".join(message(2, double(1, value) + number(2, time)) for value, time in samples)
    return message(1, content)
