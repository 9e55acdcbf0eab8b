using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using LoraAdmin.Domain.Storage;
using Xunit;

namespace LoraAdmin.Tests.Storage;

public sealed class SafetensorsTests
{
    private const string Down = "\"unet.lora_down.weight\":{\"dtype\":\"F16\",\"shape\":[4,8],\"data_offsets\":[0,64]}";
    private const string Up = "\"unet.lora_up.weight\":{\"dtype\":\"F16\",\"shape\":[8,4],\"data_offsets\":[64,128]}";

    [Fact]
    [Trait("Requirement", "E3")]
    public async Task Check_WellFormedLora_CountsItsTensors()
    {
        byte[] file = FileOf($"{{\"__metadata__\":{{\"format\":\"pt\"}},{Down},{Up}}}   ", 128);

        Assert.Equal(new SafetensorsVerdict.Good(2, 2), Check(file));
        Assert.Equal(
            new SafetensorsVerdict.Good(2, 2), await Safetensors.CheckAsync(new MemoryStream(file), file.Length, CancellationToken.None));
    }

    [Theory]
    [InlineData("F32", "[]", 4)]
    [InlineData("BF16", "[3]", 6)]
    [InlineData("I64", "[2,2]", 32)]
    [InlineData("F8_E4M3", "[7]", 7)]
    [InlineData("F4", "[4]", 2)]
    [InlineData("F32", "[0,9]", 0)]
    public void Check_EveryDtype_SizesItsTensor(string dtype, string shape, int size) =>
        Assert.Equal(
            new SafetensorsVerdict.Good(1, 1),
            Check(FileOf($"{{\"a.alpha\":{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[0,{size}]}}}}", size)));

    [Theory]
    [InlineData("", 0, "does not begin")]
    [InlineData("[]", 0, "does not begin")]
    [InlineData(" {}", 0, "does not begin")]
    [InlineData("{}", 0, "LoRA's name")]
    [InlineData("{", 0, "not JSON")]
    [InlineData("{}x", 0, "not JSON")]
    [InlineData("{} {}", 0, "not JSON")]
    [InlineData("{/**/}", 0, "not JSON")]
    [InlineData("{\"a\":1}", 0, "wrong JSON type")]
    [InlineData("{\"a\":{}}", 0, "lacks")]
    [InlineData("{\"a\":{\"dtype\":\"F33\",\"shape\":[],\"data_offsets\":[0,4]}}", 4, "unknown dtype")]
    [InlineData("{\"a\":{\"dtype\":4,\"shape\":[],\"data_offsets\":[0,4]}}", 4, "wrong JSON type")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "whole numbers")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,6]}}", 6, "whole numbers")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]}}", 4, "whole numbers")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "whole numbers")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,4]}}", 4, "no file can hold")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,4]}}", 4, "whole numbers")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "lacks")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 8, "whole numbers")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "outside")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, "outside")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "need 8")]
    [InlineData("{\"a\":{\"dtype\":\"F4\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "within a byte")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "belong to no tensor")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 8, "the file at 8")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "LoRA's name")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "gives dtype twice")]
    [InlineData("{\"__metadata__\":{\"a\":1}}", 0, "wrong JSON type")]
    [InlineData("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, "stands twice")]
    [InlineData("{\"__metadata__\":[]}", 0, "wrong JSON type")]
    [InlineData("{\"\\ud800\":{}}", 0, "not UTF-8")]
    public void Check_BrokenHeader_SaysWhichRule(string header, int dataBytes, string reason) =>
        Assert.Contains(reason, Assert.IsType<SafetensorsVerdict.Bad>(Check(FileOf(header, dataBytes))).Reason, StringComparison.Ordinal);

    [Fact]
    public void Check_SameTensorTwice_IsBad() =>
        Assert.Contains("stands twice", Assert.IsType<SafetensorsVerdict.Bad>(Check(FileOf($"{{{Down},{Down}}}", 64))).Reason, StringComparison.Ordinal);

    [Fact]
    public void Check_OverlappingTensors_IsBad()
    {
        string overlapping = Up.Replace("[64,128]", "[32,96]", StringComparison.Ordinal);

        Assert.Contains(
            "overlap", Assert.IsType<SafetensorsVerdict.Bad>(Check(FileOf($"{{{Down},{overlapping}}}", 96))).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_TooManyTensors_IsBad()
    {
        StringBuilder header = new("{");
        for (int number = 0; number <= Safetensors.MaxTensors; number++)
        {
            header.Append(CultureInfo.InvariantCulture, $"\"{number}.alpha\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}},");
        }

        header[^1] = '}';
        Assert.Contains(
            "more than 100000", Assert.IsType<SafetensorsVerdict.Bad>(Check(FileOf(header.ToString(), 0))).Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0UL, 8)]
    [InlineData(9UL, 16)]
    [InlineData(25_000_001UL, 100_000_000)]
    [InlineData(ulong.MaxValue, 1000)]
    [InlineData((ulong)long.MaxValue + 1, 1000)]
    public void Check_WrongHeaderLength_IsBadWithoutReadingOn(ulong declared, long totalBytes)
    {
        byte[] start = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(start, declared);
        GeneratedStream content = new(totalBytes, start);

        Assert.IsType<SafetensorsVerdict.Bad>(Safetensors.Check(content, totalBytes));
        Assert.Equal(8, content.BytesRead);
    }

    [Fact]
    public void Check_ShorterThanItSays_IsBad()
    {
        byte[] file = FileOf($"{{{Down},{Up}}}", 128);

        for (int length = 0; length < file.Length; length++)
        {
            Assert.IsType<SafetensorsVerdict.Bad>(Check(file[..length]));
            Assert.IsType<SafetensorsVerdict.Bad>(Safetensors.Check(new MemoryStream(file[..Math.Min(length, 40)]), file.Length));
        }
    }

    [Fact]
    public void Check_LargeFile_ReadsTheHeaderOnly()
    {
        const long DataBytes = 1_500_000_000;
        byte[] start = FileOf($"{{\"a.lora_A\":{{\"dtype\":\"U8\",\"shape\":[{DataBytes}],\"data_offsets\":[0,{DataBytes}]}}}}", 0);
        GeneratedStream content = new(start.Length + DataBytes, start);

        Assert.Equal(new SafetensorsVerdict.Good(1, 1), Safetensors.Check(content, start.Length + DataBytes));
        Assert.Equal(start.Length, content.BytesRead);
    }

    [Fact]
    public void Check_RandomDamage_AlwaysAnswers()
    {
        byte[] file = FileOf($"{{\"__metadata__\":{{\"format\":\"pt\"}},{Down},{Up}}}", 128);
        Random random = new(20);
        for (int round = 0; round < 20_000; round++)
        {
            byte[] damaged = [.. file];
            for (int hit = random.Next(1, 5); hit > 0; hit--)
            {
                damaged[random.Next(random.Next(2) == 0 ? file.Length - 128 : 40)] = (byte)random.Next(256);
            }

            Assert.True(Check(damaged) is SafetensorsVerdict.Good or SafetensorsVerdict.Bad);
        }
    }

    private static SafetensorsVerdict Check(byte[] file) => Safetensors.Check(new MemoryStream(file), file.Length);

    private static byte[] FileOf(string header, int dataBytes)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        byte[] file = new byte[8 + json.Length + dataBytes];
        BinaryPrimitives.WriteInt64LittleEndian(file, json.Length);
        json.CopyTo(file, 8);
        return file;
    }
}
