#!/bin/sh
# Makes configure and what it needs; once after a clone, and again only by hand.
cd -- "$(dirname -- "$0")" && exec autoreconf -fi
