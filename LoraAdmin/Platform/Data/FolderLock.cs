using System.Globalization;

namespace LoraAdmin.Platform.Data;

/// <summary>
/// One portal per data folder: spool, local files and the SQLite file have one writer. Held by the operating system, so a killed process leaves none
/// behind; who holds it stands in a file beside it, which is only information.
/// </summary>
public sealed class FolderLock : IDisposable
{
    private const string LockName = ".lock";
    private const string HolderName = ".lock-holder";

    private readonly FileStream stream;
    private readonly string holderFile;

    private FolderLock(FileStream stream, string holderFile)
    {
        this.stream = stream;
        this.holderFile = holderFile;
    }

    /// <exception cref="StartupRefusedException">The folder can't be written, or another process has it.</exception>
    public static FolderLock Take(string folder, TimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(clock);
        const string key = $"{DataOptions.Section}:{nameof(DataOptions.Path)}";
        string holderFile = System.IO.Path.Combine(folder, HolderName);
        try
        {
            Directory.CreateDirectory(folder);
            ProveWritable(folder);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new StartupRefusedException(
                key,
                $"The data folder {folder} can't be written: {exception.Message}",
                $"Give the portal's user write access to it, or set {key} to a folder that it may write.",
                exception);
        }

        FileStream stream;
        try
        {
            stream = new FileStream(System.IO.Path.Combine(folder, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new StartupRefusedException(
                key,
                $"Another portal works on the data folder {folder}: {ReadHolder(holderFile)}.",
                $"Stop that process, or give this one a folder of its own with {key}.",
                exception);
        }

        string holder = string.Create(
            CultureInfo.InvariantCulture,
            $"process {Environment.ProcessId} on {Environment.MachineName}, started {clock.GetUtcNow():yyyy-MM-dd HH:mm:ss} UTC");
        File.WriteAllText(holderFile, holder);
        return new FolderLock(stream, holderFile);
    }

    public void Dispose()
    {
        try
        {
            File.Delete(holderFile);
        }
        catch (IOException)
        {
            // Only information; the lock itself ends with the stream.
        }

        stream.Dispose();
    }

    private static void ProveWritable(string folder)
    {
        string probe = System.IO.Path.Combine(folder, $".probe-{Environment.ProcessId}");
        File.WriteAllText(probe, "");
        File.Delete(probe);
    }

    private static string ReadHolder(string holderFile)
    {
        try
        {
            return File.ReadAllText(holderFile);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return "which one is not known";
        }
    }
}
