internal import CXML2

/// An element of an XML document to write.
struct XMLElement {
    var name: String
    var attributes: KeyValuePairs<String, String> = [:]
    var text: String?
    var children: [XMLElement] = []

    init(
        _ name: String, _ attributes: KeyValuePairs<String, String> = [:], text: String? = nil,
        children: [XMLElement] = []
    ) {
        self.name = name
        self.attributes = attributes
        self.text = text
        self.children = children
    }

    /// The whole document in UTF-8, indented. libxml2 does the escaping.
    func document() -> String {
        // Writing to memory fails only for lack of it, where Swift's own allocations end the process too. An empty document would look like success.
        guard let writer = discographer_xml_create() else { preconditionFailure("no memory for an XML document") }
        defer { discographer_xml_free(writer) }
        write(to: writer)
        guard let text = discographer_xml_finish(writer) else { preconditionFailure("no memory for an XML document") }
        return String(cString: text)
    }

    private func write(to writer: OpaquePointer) {
        discographer_xml_start(writer, name)
        for (key, value) in attributes { discographer_xml_attribute(writer, key, value) }
        if let text { discographer_xml_text(writer, text) }
        for child in children { child.write(to: writer) }
        discographer_xml_end(writer)
    }
}
