/// libcurl, which fetches everything that is not `file:`. It is loaded only when a transfer needs it.
public enum NetworkLibrary {
    /// The name that the dynamic linker looks for.
    public static let name = "libcurl.so.4"

    /// Why nothing can be fetched over a network; `nil` when it can.
    public static var problem: String? { Downloader.loadError }
}
