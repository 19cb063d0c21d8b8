// Lua scriptlets run in this process, and the first of them (%pretrans of `filesystem`) make /proc and /sys and set their modes. Mounts cover these folders then;
// the calls must reach the root's own.
internal import CRPM
import Glibc
import HostSystem
import SystemPackage

/// Makes the functions of librpm's Lua library `posix` that change attributes reach covered folders.
///
/// - Parameter folders: opened before they were mounted over.
/// - Throws: `WorkerFailure`.
func redirectLua(_ folders: [FilePath: FileDescriptor]) throws {
    // Links of proc(5) lead to what is open, whatever is mounted over it.
    let places = folders.map { "['\($0.key)'] = '/proc/self/fd/\($0.value.rawValue)'" }.sorted().joined(separator: ", ")
    let program = """
        %{lua:
        local places = {\(places)}
        local function place(path)
            if type(path) ~= 'string' then return nil end
            return places['/' .. path:gsub('/%.$', ''):gsub('^%./', ''):gsub('^/+', ''):gsub('/+$', '')]
        end
        for _, name in ipairs({'chmod', 'chown', 'utime'}) do
            local original = posix[name]
            posix[name] = function(path, ...) return original(place(path) or path, ...) end
        end
        -- Made already, for the mounts; to a scriptlet the first call makes it.
        local make, made = posix.mkdir, {}
        posix.mkdir = function(path)
            local folder = place(path)
            if folder and not made[folder] then
                made[folder] = true
                return 0
            end
            return make(path)
        end
        }
        """
    guard discographer_rpm_expand(program) == 0 else { throw WorkerFailure(kind: .librpm, message: "librpm does not run Lua") }
}
