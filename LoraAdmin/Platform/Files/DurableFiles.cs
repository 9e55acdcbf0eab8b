using System.ComponentModel;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace LoraAdmin.Platform.Files;

/// <summary>
/// Files that survive a power cut and that only this user can read: a rename or a new name counts only after its folder was flushed, which .NET
/// offers no call for. On Windows the file system journals names itself, so flushing a folder does nothing there.
/// </summary>
public static class DurableFiles
{
    private const UnixFileMode PrivateFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode PrivateFolder = PrivateFile | UnixFileMode.UserExecute;
    private const int NotFound = 2;
    private const int Interrupted = 4;
    private const int NotSupported = 22;
    private const int StatxHere = -100;
    private const uint StatxInode = 0x100;
    private const uint StatxBirth = 0x800;
    private const int StatxBytes = 256;

    /// <summary>Creates the folder and what is missing above it with mode 0700, each one flushed into its parent.</summary>
    /// <exception cref="IOException">The folder can't be made, e.g. a file stands in its place.</exception>
    public static void CreateFolder(string path)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (Directory.Exists(full))
        {
            return;
        }

        string? parent = Path.GetDirectoryName(full);
        if (parent is not null)
        {
            CreateFolder(parent);
        }

        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(full);
        }
        else
        {
            Directory.CreateDirectory(full, PrivateFolder);
        }

        if (parent is not null)
        {
            FlushFolder(parent);
        }
    }

    /// <summary>Keeps every other opener out, also of other processes, and yet lets the file be renamed while it is open.</summary>
    public static FileShare Alone => OperatingSystem.IsWindows() ? FileShare.Delete : FileShare.None;

    /// <summary>Whether a file could not be opened because somebody has it open in a way that excludes us (<see cref="Alone"/>).</summary>
    public static bool IsInUse(Exception failure) => failure is IOException
        && failure.HResult == (OperatingSystem.IsWindows() ? unchecked((int)0x80070020) : OperatingSystem.IsMacOS() ? 35 : 11);

    /// <summary>Opens for asynchronous writing; a file that is created gets mode 0600.</summary>
    /// <exception cref="IOException">Somebody else has it open; see <see cref="IsInUse"/>.</exception>
    public static FileStream OpenWrite(string path, FileMode mode, FileShare share = FileShare.Read)
    {
        FileStreamOptions options = new()
        {
            Mode = mode,
            Access = FileAccess.Write,
            Share = share,
            Options = FileOptions.Asynchronous,
            BufferSize = 0,
        };
        if (!OperatingSystem.IsWindows() && mode != FileMode.Open)
        {
            options.UnixCreateMode = PrivateFile;
        }

        return new FileStream(path, options);
    }

    /// <summary>Opens for asynchronous reading; the file may be replaced or deleted meanwhile, the reader keeps what it opened.</summary>
    public static FileStream OpenRead(string path, FileShare share = FileShare.Read | FileShare.Delete) =>
        new(path, new FileStreamOptions
        {
            Mode = FileMode.Open,
            Access = FileAccess.Read,
            Share = share,
            Options = FileOptions.Asynchronous | FileOptions.SequentialScan,
            BufferSize = 0,
        });

    /// <summary>Renames, replacing an older file in one step, and flushes the target's folder (and the source's when it is another one).</summary>
    public static void MoveInto(string source, string target)
    {
        File.Move(source, target, overwrite: true);
        string sourceFolder = Path.GetDirectoryName(Path.GetFullPath(source))!;
        string targetFolder = Path.GetDirectoryName(Path.GetFullPath(target))!;
        FlushFolder(targetFolder);
        if (sourceFolder != targetFolder)
        {
            FlushFolder(sourceFolder);
        }
    }

    /// <summary>
    /// The bytes of a small private file; made from <paramref name="create"/> when there is none, whole or not at all.
    /// Only one process at a time may call it for a path.
    /// </summary>
    public static byte[] ReadOrCreate(string path, Func<byte[]> create)
    {
        ArgumentNullException.ThrowIfNull(create);
        if (File.Exists(path))
        {
            return File.ReadAllBytes(path);
        }

        CreateFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
        byte[] content = create();
        string draft = path + ".new";
        using (FileStream file = OpenWrite(draft, FileMode.Create))
        {
            file.Write(content);
            file.Flush(flushToDisk: true);
        }

        MoveInto(draft, path);
        return content;
    }

    /// <summary>
    /// Tells a file from its copies, whatever bytes and times these took along: Linux numbers it on its disk and keeps the second of its birth
    /// (statx(2)); other systems keep a time of birth that a copy does not inherit. Renaming keeps it.
    /// </summary>
    /// <exception cref="IOException">The file can't be looked at.</exception>
    public static string IdentityOf(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (!OperatingSystem.IsLinux())
        {
            return new DateTimeOffset(File.GetCreationTimeUtc(path)).ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture);
        }

        byte[] found = new byte[StatxBytes];
        if (Statx(StatxHere, Encoding.UTF8.GetBytes(path + "\0"), flags: 0, StatxInode | StatxBirth, found) != 0)
        {
            throw new IOException($"{path} can't be looked at (error {Marshal.GetLastPInvokeError()}).");
        }

        // A file system without a time of birth leaves it zero.
        return string.Create(CultureInfo.InvariantCulture, $"{BitConverter.ToUInt64(found, 32)}-{BitConverter.ToInt64(found, 80)}");
    }

    /// <summary>Makes the folder's names (created, renamed, deleted) survive a power cut.</summary>
    /// <exception cref="DirectoryNotFoundException">The folder is gone.</exception>
    /// <exception cref="IOException">The folder can't be opened or flushed.</exception>
    public static void FlushFolder(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        int descriptor = Open(Encoding.UTF8.GetBytes(path + "\0"), 0);
        if (descriptor < 0)
        {
            throw Failure("open", path, Marshal.GetLastPInvokeError());
        }

        try
        {
            int error;
            do
            {
                error = Fsync(descriptor) == 0 ? 0 : Marshal.GetLastPInvokeError();
            }
            while (error == Interrupted);

            // Some network file systems answer EINVAL: they have nothing to flush for a folder.
            if (error is not 0 and not NotSupported)
            {
                throw Failure("flush", path, error);
            }
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    private static IOException Failure(string verb, string path, int error)
    {
        string message = $"Could not {verb} the folder {path}: {new Win32Exception(error).Message}";
        return error == NotFound ? new DirectoryNotFoundException(message) : new IOException(message, error);
    }

    [DllImport("libc", EntryPoint = "statx", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Statx(int folder, byte[] path, int flags, uint mask, [Out] byte[] found);

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Open(byte[] path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Fsync(int descriptor);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Close(int descriptor);
}
