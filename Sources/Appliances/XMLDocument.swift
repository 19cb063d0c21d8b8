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
        guard let writer = discographer_xml_create() else { return "" }
        defer { discographer_xml_free(writer) }
        write(to: writer)
        return discographer_xml_finish(writer).map { String(cString: $0) } ?? ""
    }

    private func write(to writer: OpaquePointer) {
        discographer_xml_start(writer, name)
        for (key, value) in attributes { discographer_xml_attribute(writer, key, value) }
        if let text { discographer_xml_text(writer, text) }
        for child in children { child.write(to: writer) }
        discographer_xml_end(writer)
    }
}
