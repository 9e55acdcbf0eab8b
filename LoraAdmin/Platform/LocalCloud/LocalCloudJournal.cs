using System.Text.Json;
using System.Text.Json.Serialization;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>What a journal gave back at start.</summary>
public sealed record JournalContent(IReadOnlyList<PodRecord> Pods, IReadOnlyList<ReplicateRecord> Trainings, AccountRecord? Account);

/// <summary>Where LocalCloud writes what it is about to answer, so that a killed process loses nothing it said. Caller: the world alone.</summary>
public interface ILocalCloudJournal
{
    /// <summary>Whether records are wanted at all; saves the work of collecting them.</summary>
    bool Keeps { get; }

    /// <summary>The last record of each pod and of each training, in order of creation.</summary>
    /// <exception cref="StartupRefusedException">The journal can't be read; says what to do.</exception>
    JournalContent Load();

    /// <summary>Returns when the records are with the operating system: they survive the death of the process.</summary>
    void Append(IReadOnlyCollection<PodRecord> pods, IReadOnlyCollection<ReplicateRecord> trainings, AccountRecord? account);
}

/// <summary>Keeps nothing: for tests and the simulation.</summary>
public sealed class NoJournal : ILocalCloudJournal
{
    public static NoJournal Instance { get; } = new();

    public bool Keeps => false;

    public JournalContent Load() => new([], [], null);

    public void Append(IReadOnlyCollection<PodRecord> pods, IReadOnlyCollection<ReplicateRecord> trainings, AccountRecord? account)
    {
    }
}

/// <summary>
/// One JSON line per changed record, the last line of an id wins. A line torn by a kill is dropped at the next start; start also writes the
/// journal anew without what was overtaken, and so does a long run.
/// </summary>
public sealed class FileLocalCloudJournal : ILocalCloudJournal, IDisposable
{
    private const long CompactAboveBytes = 64L * 1024 * 1024;
    private const byte NewLine = (byte)'\n';
    private readonly string path;
    private readonly long compactAbove;
    private readonly Dictionary<string, byte[]> latest = [];
    private readonly List<string> order = [];
    private byte[]? latestAccount;
    private FileStream? held;
    private FileStream? file;
    private long nextCompaction;

    /// <param name="path">The journal's file; its folder is made.</param>
    /// <param name="compactAbove">Size in bytes at which a running journal is written anew.</param>
    public FileLocalCloudJournal(string path, long compactAbove = CompactAboveBytes)
    {
        this.path = path;
        this.compactAbove = compactAbove;
        nextCompaction = compactAbove;
    }

    public bool Keeps => true;

    public JournalContent Load()
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);

            // A file of its own: the journal is replaced when it is written anew, and people may read it meanwhile.
            held = Open(path + ".lock", FileMode.OpenOrCreate, FileShare.None);
            JournalContent content = Read();
            Compact();
            return content;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new StartupRefusedException(
                "Data:Path", $"LocalCloud's journal {path} can't be opened: {failure.Message}",
                "Make the folder writable, and let only one process use it.");
        }
    }

    public void Append(IReadOnlyCollection<PodRecord> pods, IReadOnlyCollection<ReplicateRecord> trainings, AccountRecord? account)
    {
        ArgumentNullException.ThrowIfNull(pods);
        ArgumentNullException.ThrowIfNull(trainings);
        FileStream journal = file ?? throw new InvalidOperationException("The journal is not loaded.");
        using MemoryStream lines = new();
        foreach ((string id, JournalLine record) in pods.Select(pod => (pod.Id, new JournalLine { Pod = pod }))
            .Concat(trainings.Select(training => (training.Id, new JournalLine { Training = training }))))
        {
            byte[] line = JsonSerializer.SerializeToUtf8Bytes(record, LocalCloudJson.Default.JournalLine);
            Remember(id, line);
            lines.Write(line);
            lines.WriteByte(NewLine);
        }

        if (account is not null)
        {
            latestAccount = JsonSerializer.SerializeToUtf8Bytes(new JournalLine { Account = account }, LocalCloudJson.Default.JournalLine);
            lines.Write(latestAccount);
            lines.WriteByte(NewLine);
        }

        journal.Write(lines.GetBuffer(), 0, (int)lines.Length);
        journal.Flush();
        if (journal.Length > nextCompaction)
        {
            Compact();
        }
    }

    public void Dispose()
    {
        file?.Dispose();
        held?.Dispose();
    }

    private JournalContent Read()
    {
        Dictionary<string, PodRecord> pods = [];
        Dictionary<string, ReplicateRecord> trainings = [];
        AccountRecord? account = null;
        byte[] bytes = File.Exists(path) ? File.ReadAllBytes(path) : [];
        int number = 0;
        for (int start = 0; start < bytes.Length; number++)
        {
            int length = bytes.AsSpan(start).IndexOf(NewLine);
            if (length < 0)
            {
                break;
            }

            byte[] text = bytes.AsSpan(start, length).ToArray();
            JournalLine line = Parse(text, number + 1);
            if (line.Pod is { } pod)
            {
                pods[pod.Id] = pod;
                Remember(pod.Id, text);
            }
            else if (line.Training is { } training)
            {
                trainings[training.Id] = training;
                Remember(training.Id, text);
            }
            else if (line.Account is { } found)
            {
                account = found;
                latestAccount = text;
            }

            start += length + 1;
        }

        return new JournalContent(
            [.. order.Where(pods.ContainsKey).Select(id => pods[id])], [.. order.Where(trainings.ContainsKey).Select(id => trainings[id])], account);
    }

    private JournalLine Parse(byte[] text, int number)
    {
        try
        {
            return JsonSerializer.Deserialize(text, LocalCloudJson.Default.JournalLine) ?? new JournalLine();
        }
        catch (JsonException failure)
        {
            throw new StartupRefusedException(
                "Data:Path", $"Line {number} of LocalCloud's journal {path} can't be read: {failure.Message}",
                "Restore the file, or remove it to start with an empty local cloud.");
        }
    }

    private void Remember(string id, byte[] line)
    {
        if (!latest.ContainsKey(id))
        {
            order.Add(id);
        }

        latest[id] = line;
    }

    /// <summary>Writes beside the journal and renames over it: a kill leaves the old file or the new one.</summary>
    private void Compact()
    {
        file?.Dispose();
        file = null;
        string next = path + ".next";
        using (FileStream written = Open(next, FileMode.Create))
        {
            foreach (string id in order)
            {
                written.Write(latest[id]);
                written.WriteByte(NewLine);
            }

            if (latestAccount is not null)
            {
                written.Write(latestAccount);
                written.WriteByte(NewLine);
            }

            written.Flush(flushToDisk: true);
        }

        File.Move(next, path, overwrite: true);
        file = Open(path, FileMode.Append);
        nextCompaction = Math.Max(compactAbove, file.Length * 2);
    }

    private static FileStream Open(string path, FileMode mode, FileShare share = FileShare.Read)
    {
        FileStreamOptions options = new() { Mode = mode, Access = FileAccess.Write, Share = share, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
        {
            // The records hold the agents' tokens.
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return new FileStream(path, options);
    }
}

/// <summary>One line: exactly one of them is there.</summary>
internal sealed class JournalLine
{
    public PodRecord? Pod { get; init; }
    public ReplicateRecord? Training { get; init; }
    public AccountRecord? Account { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(JournalLine))]
internal sealed partial class LocalCloudJson : JsonSerializerContext;
