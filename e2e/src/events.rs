//! Server-sent events, as a browser takes them apart.

/// One server-sent event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its `event:` field.
    pub name: String,
    /// Its `id:` field.
    pub id: String,
    /// Its `data:` lines.
    pub data: String,
}

/// Takes a stream of events apart (WHATWG HTML, 9.2.6), as far as our server uses it.
#[derive(Default)]
pub(crate) struct EventParser {
    rest: Vec<u8>,
    open: Event,
    events: Vec<Event>,
}

impl EventParser {
    /// What came so far; an event that was not ended by an empty line is none.
    pub(crate) fn finish(self) -> Vec<Event> {
        self.events
    }

    pub(crate) fn feed(&mut self, chunk: &[u8]) {
        self.rest.extend_from_slice(chunk);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            self.line(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
        }
    }

    fn line(&mut self, line: &str) {
        if line.is_empty() {
            let event = std::mem::take(&mut self.open);
            if event != Event::default() {
                self.events.push(event);
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.open.name),
            "id" => value.clone_into(&mut self.open.id),
            "data" => {
                if !self.open.data.is_empty() {
                    self.open.data.push('\n');
                }
                self.open.data.push_str(value);
            }
            // Comments keep the connection alive; `retry` is for reconnecting.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_taken_apart_wherever_the_chunks_end() {
        let stream = b": hello\n\nid: 1\nevent: received\ndata: {\"a\":\ndata: 1}\n\nevent: ready\r\ndata: {}\r\n\r\n";
        for cut in 0..stream.len() {
            let mut parser = EventParser::default();
            parser.feed(&stream[..cut]);
            parser.feed(&stream[cut..]);
            let names: Vec<_> = parser.events.iter().map(|event| event.name.as_str()).collect();
            assert_eq!(names, ["received", "ready"]);
            assert_eq!(parser.events[0].data, "{\"a\":\n1}");
            assert_eq!(parser.events[0].id, "1");
        }
    }
}
