"""Independent readers: what they understand of documents, as JSON.

Documents come as a JSON object of names and texts on standard input; the first argument names the reader.
"""
import io
import json
import sys
import xml.etree.ElementTree as tree


def feed(text):
    import feedparser
    read = feedparser.parse(io.BytesIO(text.encode()), sanitize_html=False, resolve_relative_uris=False)
    return {
        'fault': str(read.get('bozo_exception', '')),
        'version': read.version,
        'title': read.feed.title,
        'id': read.feed.get('id'),
        'updated': read.feed.get('updated'),
        'links': [[link.rel, link.get('type'), link.href] for link in read.feed.links],
        'items': [{
            'id': item.id,
            'title': item.title,
            'link': item.link,
            'is_link_guid': item.get('guidislink', False),
            'published': list(item.published_parsed[:6]),
            'html': item.content[0].value,
            'tags': [tag.term for tag in item.get('tags', [])],
            'via': [link.href for link in item.links if link.rel == 'via'],
        } for item in read.entries],
    }


def calendar(text):
    import icalendar
    read = icalendar.Calendar.from_ical(text.encode())
    return [{
        'uid': str(event['UID']),
        'summary': str(event['SUMMARY']),
        'starts': event.decoded('DTSTART').isoformat(),
        'ends': event.decoded('DTEND').isoformat(),
        'stamp': event.decoded('DTSTAMP').isoformat(),
        'place': str(event['LOCATION']),
        'url': str(event['URL']),
    } for event in read.walk('VEVENT')]


def xml(text):
    return [[element.tag.split('}')[-1], element.text or '', element.attrib]
            for element in tree.fromstring(text.encode()).iter()]


def table(text):
    import csv
    return list(csv.reader(io.StringIO(text, newline='')))


read = {'feed': feed, 'calendar': calendar, 'xml': xml, 'table': table}[sys.argv[1]]
json.dump({name: read(text) for name, text in json.load(sys.stdin).items()}, sys.stdout)
