//! PDFs made byte by byte.

use md5::Digest;

/// A file of these objects; the first is the catalog, and the table of contents is right.
pub(crate) fn file(objects: &[Vec<u8>], trailer: &str) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n".to_vec();
    let mut offsets = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        offsets.push(bytes.len());
        bytes.extend(format!("{} 0 obj\n", index + 1).bytes());
        bytes.extend(object);
        bytes.extend(b"\nendobj\n");
    }
    let table = bytes.len();
    bytes.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for offset in offsets {
        bytes.extend(format!("{offset:010} 00000 n \n").bytes());
    }
    let size = objects.len() + 1;
    bytes.extend(format!("trailer\n<</Size {size}/Root 1 0 R{trailer}>>\nstartxref\n{table}\n%%EOF\n").bytes());
    bytes
}

pub(crate) fn stream(dictionary: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = format!("<<{dictionary}/Length {}>>stream\n", content.len()).into_bytes();
    bytes.extend(content);
    bytes.extend(b"\nendstream");
    bytes
}

const FONT: &str = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>";

/// A page for each text, in one line.
pub(crate) fn pdf(texts: &[&str]) -> Vec<u8> {
    let contents: Vec<String> = texts
        .iter()
        .map(|text| {
            let text = text.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)");
            format!("BT /F1 12 Tf 50 700 Td ({text}) Tj ET")
        })
        .collect();
    pdf_of_contents(&contents.iter().map(String::as_str).collect::<Vec<_>>())
}

/// A page for each content stream; /F1 is Helvetica.
pub(crate) fn pdf_of_contents(contents: &[&str]) -> Vec<u8> {
    pages(contents, FONT, vec![])
}

fn pages(contents: &[&str], font: &str, more: Vec<Vec<u8>>) -> Vec<u8> {
    let first = 4 + more.len();
    let kids: Vec<String> = (0..contents.len()).map(|n| format!("{} 0 R", first + 2 * n)).collect();
    let mut objects = vec![
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        format!("<</Type/Pages/Count {}/Kids[{}]>>", contents.len(), kids.join(" ")).into_bytes(),
        font.as_bytes().to_vec(),
    ];
    objects.extend(more);
    for (n, content) in contents.iter().enumerate() {
        let body = first + 2 * n + 1;
        objects.push(
            format!(
                "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents {body} 0 R/Resources<</Font<</F1 3 0 R>>>>>>"
            )
            .into_bytes(),
        );
        objects.push(stream("", content.as_bytes()));
    }
    file(&objects, "")
}

/// One page whose content is compressed: a zlib stream of one stored block.
pub(crate) fn compressed_pdf(text: &str) -> Vec<u8> {
    let content = format!("BT /F1 12 Tf 50 700 Td ({text}) Tj ET");
    let length = u16::try_from(content.len()).unwrap();
    let (a, b) = content.bytes().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(byte)) % 65521;
        (a, (b + a) % 65521)
    });
    let mut zlib = vec![0x78, 0x01, 0x01];
    zlib.extend(length.to_le_bytes());
    zlib.extend((!length).to_le_bytes());
    zlib.extend(content.bytes());
    zlib.extend((b << 16 | a).to_be_bytes());
    one_page(stream("/Filter/FlateDecode", &zlib), vec![], "")
}

fn one_page(content: Vec<u8>, more: Vec<Vec<u8>>, trailer: &str) -> Vec<u8> {
    let mut objects = vec![
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>".to_vec(),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>".to_vec(),
        content,
        FONT.as_bytes().to_vec(),
    ];
    objects.extend(more);
    file(&objects, trailer)
}

/// One page that is nothing but a picture.
pub(crate) fn scanned_pdf(width: usize, height: usize, grey: &[u8]) -> Vec<u8> {
    let image =
        format!("/Type/XObject/Subtype/Image/Width {width}/Height {height}/ColorSpace/DeviceGray/BitsPerComponent 8");
    let (w, h) = (width / 4, height / 4);
    let page =
        format!("<</Type/Page/Parent 2 0 R/MediaBox[0 0 {w} {h}]/Contents 4 0 R/Resources<</XObject<</I 5 0 R>>>>>>");
    let objects = [
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>".to_vec(),
        page.into_bytes(),
        stream("", format!("{w} 0 0 {h} 0 0 cm /I Do").as_bytes()),
        stream(&image, grey),
    ];
    file(&objects, "")
}

/// Encrypted (standard security handler, revision 2), but with the empty user password: anybody may
/// read it, which is what most files with restrictions are.
pub(crate) fn pdf_with_empty_password(text: &str) -> Vec<u8> {
    pdf_with_password(text, b"")
}

/// Encrypted in the same way, with a user password.
pub(crate) fn pdf_with_password(text: &str, password: &[u8]) -> Vec<u8> {
    const PAD: [u8; 32] = [
        0x28, 0xbf, 0x4e, 0x5e, 0x4e, 0x75, 0x8a, 0x41, 0x64, 0x00, 0x4e, 0x56, 0xff, 0xfa, 0x01, 0x08, 0x2e, 0x2e,
        0x00, 0xb6, 0xd0, 0x68, 0x3e, 0x80, 0x2f, 0x0c, 0xa9, 0xfe, 0x64, 0x53, 0x69, 0x7a,
    ];
    let (owner, id) = ([0x11u8; 32], [0x22u8; 16]);
    let padded: Vec<u8> = password.iter().copied().chain(PAD).take(32).collect();
    let key = &md5::Md5::digest([&padded[..], &owner, &(-44i32).to_le_bytes(), &id].concat())[..5];
    let content = format!("BT /F1 12 Tf 50 700 Td ({text}) Tj ET");
    // Object 4, generation 0.
    let of_object = &md5::Md5::digest([key, &[4, 0, 0, 0, 0]].concat())[..10];
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let encrypt = format!("<</Filter/Standard/V 1/R 2/P -44/O<{}>/U<{}>>>", hex(&owner), hex(&rc4(key, &PAD)));
    let trailer = format!("/Encrypt 6 0 R/ID[<{0}><{0}>]", hex(&id));
    one_page(stream("", &rc4(of_object, content.as_bytes())), vec![encrypt.into_bytes()], &trailer)
}

fn rc4(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut state: [u8; 256] = std::array::from_fn(|n| n as u8);
    let mut j = 0u8;
    for i in 0..256 {
        j = j.wrapping_add(state[i]).wrapping_add(key[i % key.len()]);
        state.swap(i, j.into());
    }
    let (mut i, mut j) = (0u8, 0u8);
    let next = |byte: &u8| {
        i = i.wrapping_add(1);
        j = j.wrapping_add(state[usize::from(i)]);
        state.swap(i.into(), j.into());
        byte ^ state[usize::from(state[usize::from(i)].wrapping_add(state[usize::from(j)]))]
    };
    data.iter().map(next).collect()
}

/// "office Ж", where a map of characters says what the bytes 1 to 6 mean.
pub(crate) fn pdf_with_unicode_map() -> Vec<u8> {
    let map = b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def\n\
        1 begincodespacerange <00> <FF> endcodespacerange\n\
        6 beginbfchar <01> <006F> <02> <FB03> <03> <0063> <04> <0065> <05> <0020> <06> <0416> endbfchar\n\
        endcmap end end";
    let font = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/FirstChar 1/LastChar 6/Widths[556 800 500 556 278 600]\
        /Encoding<</Type/Encoding/Differences[1/o/f/c/e/space/Zhe]>>/ToUnicode 4 0 R>>";
    pages(&["BT /F1 12 Tf 50 700 Td <010203040506> Tj ET"], font, vec![stream("", map)])
}

/// Standard security handler, revision 3, with a user password that is not empty.
pub(crate) fn encrypted_pdf() -> Vec<u8> {
    let objects = [
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>".to_vec(),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 10 10]>>".to_vec(),
        format!("<</Filter/Standard/V 2/R 3/Length 128/P -44/O<{}>/U<{}>>>", "11".repeat(32), "22".repeat(32))
            .into_bytes(),
    ];
    file(&objects, "/Encrypt 4 0 R/ID[<00112233445566778899aabbccddeeff><00112233445566778899aabbccddeeff>]")
}

pub(crate) fn page_tree_loop() -> Vec<u8> {
    file(&[b"<</Type/Catalog/Pages 2 0 R>>".to_vec(), b"<</Type/Pages/Count 9/Kids[2 0 R 2 0 R]>>".to_vec()], "")
}

/// A drawing that draws itself, twice.
pub(crate) fn form_loop() -> Vec<u8> {
    let form = "/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 4 0 R>>>>";
    let objects = [
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>".to_vec(),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 5 0 R/Resources<</XObject<</X 4 0 R>>>>>>".to_vec(),
        stream(form, b"/X Do /X Do"),
        stream("", b"/X Do"),
    ];
    file(&objects, "")
}

pub(crate) fn deep_arrays() -> Vec<u8> {
    let deep = "[".repeat(200_000);
    file(&[format!("<</Type/Catalog/Pages 2 0 R/X {deep}").into_bytes(), b"<</Type/Pages/Kids[]>>".to_vec()], "")
}
