public import BuildStore
public import ConfigurationTree

/// A layer of underlays or overlays.
struct LayerInput: Encodable, Sendable {
    /// Its files, by the layer's folder. Hidden names at its top are skipped, as when it is copied.
    var content: FileInput
    var permissions: [OverlayPermission]
    let layer: RunOnly<OverlayLayer>
}

extension LayerInput {
    /// - Throws: `FileError`.
    init(_ layer: OverlayLayer, _ inputs: HostInputs) throws {
        content = try FileInput(layer.path, skipsHiddenTop: true, digests: inputs.digests)
        permissions = layer.permissions
        self.layer = RunOnly(layer)
    }
}

extension SourceLocation: ConfigurationPlace {
    public var placeInWords: String { description }
}

extension ToleratedScriptlet: IdentityRepresentable {
    /// The reason is for people.
    public var identityValue: [String] { [package, scriptlet] }
}
